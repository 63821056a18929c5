"""Start Qulaq: `python run_monitor.py COMMAND`; the commands are in monitor/cli.py."""
from monitor.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
