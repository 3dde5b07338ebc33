"""What `make demo` and the tests run: embedded PostgreSQL and Valkey, and the processes of nlops itself.

A composition root: may import all rooms, and none of them imports it (settings import `last_demo` alone).
"""
