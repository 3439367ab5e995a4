"""Tools for tests of sources, storages and clients.

For authors of sources:
- source_contract: the test suite of every source, over source_trial (runs of a source with a lake in memory),
  source_facts (the results of its runs without faults) and network_guard (allows declared hosts only).
- document_provider: a simulated provider that is a dictionary.
- relay: stands between a source and a provider, counts requests and injects faults.
- hostile: a provider with wrong responses of every kind.

For authors of storages and publishers:
- storage_contract: the test suite of every storage.
- publisher_contract: the test suite of every publisher.
- faults: ports that fail at their Nth operation.

A simulated season, also for `ingestify demo`:
- simulator: StatsBomb's open data on loopback, over provider_state (its current documents).
- season: a season of invented matches, over invented.

- github: a repository at GitHub on loopback: its files, its API, and Git's protocol.

All providers on loopback are made with watched_provider (requests and faults) and loopback (the HTTP server).
"""
