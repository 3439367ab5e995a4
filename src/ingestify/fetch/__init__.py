"""Bytes from the network: retried, rate-limited, conditional, length-checked."""
