"""Where the objects are: adapters of `domain.ports.Storage`."""
