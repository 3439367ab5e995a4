"""`ingestify.push`: files and notices that a provider sends to us.

- source: the source itself, which reads the inbox.
- settings: its configuration.
- inbox: what was received, as objects beside those of the lake.
"""
