//! A container that looks for others on the network.
