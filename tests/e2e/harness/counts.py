"""What a client's engine counts of the audio and video that it gets, by the names that WebRTC's statistics have for it."""


def growth(before: dict[str, float], now: dict[str, float]) -> dict[str, float]:
    """By how much each counter has grown."""
    return {key: value - before.get(key, 0) for key, value in now.items() if isinstance(value, (int, float))}


def concealed(grown: dict[str, float]) -> float:
    """The share of what was played that the engine made up for packets that did not come."""
    return grown["concealedSamples"] / grown["totalSamplesReceived"]
