"""Keyring, the demo product: a small access-management API with its own database. It knows nothing of nlops."""
