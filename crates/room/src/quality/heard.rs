//! What the receiver of a stream reports of it (RFC 3550 §6.4), from one look to the next.
//!
//! A publisher's lost packets leave gaps in what its subscribers are sent; those are no fault of theirs.

/// Looks without news after which the last report says nothing any more: browsers report audio every 5 s or so.
const STALE: u8 = 2;
/// Fewer packets than these prove nothing.
const ENOUGH: u64 = 10;

/// A receiver's last report of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Report {
    /// The highest sequence number that it got, extended.
    pub(crate) highest: u64,
    /// Packets that it is missing, of all that were numbered.
    pub(crate) missing: i64,
}

/// The reports of one stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard {
    last: Option<Report>,
    /// Packets lost on the receiver's own path.
    lost: i64,
    loss: Option<f32>,
    /// Looks since the last news.
    looks: u8,
}

impl Heard {
    /// The share of its packets that got lost on the way to it, by its latest report. `gaps`: numbers that were never sent.
    pub(crate) fn look(&mut self, report: Option<Report>, gaps: u64) -> Option<f32> {
        let Some(report) = report else { return self.no_news() };
        let gaps = i64::try_from(gaps).unwrap_or(i64::MAX);
        let own = report.missing.saturating_sub(gaps);
        match self.last {
            Some(last) if report.highest >= last.highest => {
                let sent = report.highest - last.highest;
                if sent < ENOUGH {
                    return self.no_news();
                }
                // A gap is known before it is reported missing.
                let lost = own.saturating_sub(self.lost).max(0);
                self.lost = self.lost.max(own);
                self.loss = Some((lost as f32 / sent as f32).min(1.0));
            }
            // The first report, or another stream.
            _ => (self.lost, self.loss) = (own, None),
        }
        (self.last, self.looks) = (Some(report), 0);
        self.loss
    }

    /// Whether the last look saw a new report.
    pub(crate) fn is_new(&self) -> bool {
        self.looks == 0
    }

    fn no_news(&mut self) -> Option<f32> {
        self.looks = self.looks.saturating_add(1);
        if self.looks > STALE {
            self.loss = None;
        }
        self.loss
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(highest: u64, missing: i64) -> Option<Report> {
        Some(Report { highest, missing })
    }

    #[test]
    fn loss_is_of_the_time_between_two_reports() {
        let mut heard = Heard::default();
        assert_eq!(heard.look(report(5000, 40), 0), None, "there is nothing to compare it with");
        assert_eq!(heard.look(report(5250, 65), 0), Some(0.1));
        assert_eq!(heard.look(report(5500, 65), 0), Some(0.0));
    }

    #[test]
    fn what_was_never_sent_was_not_lost_by_its_receiver() {
        let mut heard = Heard::default();
        heard.look(report(1000, 0), 0);
        assert_eq!(heard.look(report(1250, 0), 50), Some(0.0), "gaps are known before they are reported");
        assert_eq!(heard.look(report(1500, 50), 50), Some(0.0));
        assert_eq!(heard.look(report(1750, 75), 50), Some(0.1), "25 of its own");
    }

    #[test]
    fn an_old_report_is_worth_nothing() {
        let mut heard = Heard::default();
        heard.look(report(1000, 0), 0);
        heard.look(report(1100, 50), 0);
        assert_eq!([(); 3].map(|()| heard.look(report(1100, 50), 0)), [Some(0.5), Some(0.5), None]);
        assert_eq!(heard.look(None, 0), None);
    }

    #[test]
    fn another_stream_begins_anew_and_nonsense_stays_within_bounds() {
        let mut heard = Heard::default();
        heard.look(report(60_000, 1000), 0);
        assert_eq!(heard.look(report(100, 0), 0), None);
        assert_eq!(heard.look(report(200, i64::MAX), u64::MAX), Some(0.0));
        assert_eq!(heard.look(report(300, i64::MAX), 0), Some(1.0));
        assert_eq!(heard.look(report(u64::MAX, i64::MIN), u64::MAX), Some(0.0));
    }
}
