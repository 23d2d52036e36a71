//! What strangers may do to the systems' words, on a tracker of ours that seeds: it stays, and serves the next one.
