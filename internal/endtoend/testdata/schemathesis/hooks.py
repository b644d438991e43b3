"""Each request comes from an address of its own, by the word of a proxy that keyturn trusts: keyturn makes whoever shows wrong keys wait,
by address. None asks keyturn to wait for long, which it would do. And none takes away the key that all others show."""

import ipaddress
import itertools
import os

import schemathesis

addresses = itertools.count(int(ipaddress.ip_address("10.0.0.1")))


@schemathesis.hook
def before_call(context, case, kwargs):
    case.headers["X-Forwarded-For"] = str(ipaddress.ip_address(next(addresses)))
    if str((case.query or {}).get("wait", "")).isdigit() and 1 < int(case.query["wait"]) <= 300:
        case.query["wait"] = 0
    if (case.path_parameters or {}).get("id") == os.environ["KEYTURN_KEY_ID"]:
        case.path_parameters["id"] = "0000000000"
