"""A quick password hasher for made-up people."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasher(PBKDF2PasswordHasher):
    """PBKDF2 with few rounds."""

    algorithm = "pbkdf2_quick"
    iterations = 1000
