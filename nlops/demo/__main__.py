"""`python -m nlops.demo migrate | seed | …`: Keyring's own command line."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "nlops.demo.settings"
    execute_from_command_line(["python -m nlops.demo", *sys.argv[1:]])
