"""`ingestify.rest`: the datasets of a REST API that is described in YAML.

- source: the source itself.
- settings: its configuration, over fields (texts that are parsed), entry (values of an entry), timestamps (times of
  changes), paging, authorization and error_response.
- addresses: which URLs may be requested, and with which credentials.
- moved_entries: detects entries that moved between pages while a listing was read.
"""
