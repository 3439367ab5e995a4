"""Bytes from the network: tests over real sockets on 127.0.0.1."""
