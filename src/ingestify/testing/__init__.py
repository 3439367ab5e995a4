"""What tests of ingestify, and of sources for it, need: a provider on loopback, contracts, fakes."""
