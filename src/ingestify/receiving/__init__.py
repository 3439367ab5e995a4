"""The HTTP endpoint for data that providers push: `ingestify receive`. The extra `web` brings what it needs.

- server: the socket, and how it ends.
- app: the ASGI application: addresses, limits, answers.
- endpoint: what a source takes, from whom.
- refused: why something is not taken, with the status of the answer.
"""
