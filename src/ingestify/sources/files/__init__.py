"""A source for deliveries: files that a provider puts into a folder, a bucket, or on a server."""
