"""The use cases of keeping a lake, each with its report.

- `verifying`: `ingestify verify`; `mirroring`: `ingestify copy`; `adopting`: `ingestify adopt`.
- `quality`: `ingestify quality`, the checks of a run over what the lake has.
"""
