"""Secrets from vaults.

- `lookup`: looks secrets up, each once, and hides them in messages.
- `url`: the url of a secret.
- `reader`: the protocol of a vault's reader.
- `aws`: AWS Secrets Manager.
- `gcp`: Google's Secret Manager.
"""
