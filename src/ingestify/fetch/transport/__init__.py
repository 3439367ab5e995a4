"""One request and its response over a connection.

- `transport`: the port, and its errors.
- `ways`: which transport a request takes, by its own timeout and verification.
- `http_client_transport`: the implementation: kept connections, proxies, errors of sockets and TLS.
- `connection`: connecting to a host or through a proxy's tunnel, with TLS.
- `response_reader`: the head and body of a response, read from the wire.
- `signing`: credentials that are a callable on a request.
- `headers`: headers by name.
- `content_encoding`: the decoding of gzip.
- `address_policy`: which IP addresses a request may be sent to.
"""
