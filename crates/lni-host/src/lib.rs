//! Keeps a node's LNI as its profile says.
//!
//! Looks (kernel, nftables, lease), asks `hybridge-lni` what is to be done, does it, looks again. Knows no policy.
