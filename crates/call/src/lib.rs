//! One phone call in a room: plan, states, bridge, verdict, attributes. A core without IO.
