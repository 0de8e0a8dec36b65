"""Runs `aws eks get-token` for cases read from standard input, at the time of each, and prints what each printed.

A case is an object with `environment`, `arguments` and `now` (seconds since 1970). One process for all of them: a start of the AWS CLI
takes a third of a second.
"""

import contextlib
import datetime
import io
import json
import os
import sys

import awscli.customizations.eks.get_token as get_token
from awscli.clidriver import create_clidriver
from botocore import auth

# `AWS_DATA_PATH` is the AWS CLI's own, set when it is imported; `PATH` is for `credential_process`.
KEPT = {name: os.environ[name] for name in ("AWS_DATA_PATH", "PATH")}


def run(case):
    os.environ.clear()
    os.environ.update(KEPT | case["environment"])
    now = datetime.datetime.fromtimestamp(case["now"], datetime.timezone.utc).replace(tzinfo=None)
    auth.get_current_datetime = get_token.get_current_datetime = lambda *_: now
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()) as told:
        code = create_clidriver().main(["eks", "get-token", *case["arguments"]])
    if code != 0:
        raise SystemExit(f"{case['arguments']} ended with {code}: {told.getvalue()}")
    return printed.getvalue()


json.dump([run(case) for case in json.load(sys.stdin)], sys.stdout)
