"""`python -m aws_emulator`: serves until it is killed."""

from __future__ import annotations

import argparse
import os
import threading
from pathlib import Path


def main() -> None:
    """Reads the command line and serves."""
    parser = argparse.ArgumentParser(prog="aws_emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--state-events", type=Path, help="file that gets one line of JSON for each change of state")
    arguments = parser.parse_args()
    # moto reads this when it is imported: roles of a stack name AWS's own policies.
    os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"
    # Read by moto where it calls itself.
    os.environ["MOTO_PORT"] = str(arguments.port)
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import run_simple

    from .app import App
    from .world import World

    world = World(float(os.environ.get("EMULATOR_DELAY", "0")), arguments.state_events)
    app = App(world, f"http://{arguments.host}:{arguments.port}")
    threading.Thread(target=app.warm_up, daemon=True).start()
    run_simple(arguments.host, arguments.port, app, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main()
