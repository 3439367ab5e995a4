"""One request and its answer over a connection: sockets, TLS, headers, encodings, and which addresses are allowed."""
