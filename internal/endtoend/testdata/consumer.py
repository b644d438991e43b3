# A consumer in Python: each line on stdin is one call with boto3 as it is; the answer is one line.
import sys

import boto3

sts = boto3.client("sts")
for _ in sys.stdin:
    try:
        sts.get_caller_identity()
        print("ok", flush=True)
    except Exception as e:
        print("failed", repr(e).replace("\n", " "), flush=True)
