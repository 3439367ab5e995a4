"""The use cases of keeping a lake, each with its report.

- `verifying`: `ingestify verify`; `mirroring`: `ingestify copy`; `adopting`: `ingestify adopt`.
"""
