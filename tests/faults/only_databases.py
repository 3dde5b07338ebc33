"""`python -m tests.faults.only_databases PORT DIRECTORY`: the demo's run with its databases alone."""

import sys
from pathlib import Path

from nlops.services import demo
from nlops.services.demo import Demo, Listeners


class OnlyDatabases(Demo):
    def _start(self, listeners: Listeners) -> None:
        self._start_databases()
        self.var.write_environment(self._environment())


if __name__ == "__main__":
    demo.Demo = OnlyDatabases  # type: ignore[misc]
    # So that `manage.py ask` keeps talking to the demo that a person may have running meanwhile.
    demo.BASE_DIR = Path(sys.argv[2])
    sys.exit(demo.run_demo(int(sys.argv[1]), Path(sys.argv[2])))
