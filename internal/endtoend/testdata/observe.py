"""Watches users from outside, through boto3 alone: arguments are the seconds to watch, the path of the users, and the ages in seconds at
which keys may be deactivated and deleted. Prints one JSON object; "wrong" lists everything that was not as promised."""

import json
import sys
import time
from datetime import datetime, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

seconds, path, deactivate_after, delete_after = float(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
once = Config(retries={"max_attempts": 0})
iam, sm = boto3.client("iam"), boto3.client("secretsmanager")
wrong, lives, signed = [], {}, 0
plain = set(sys.argv[5].split(","))


def now():
    return datetime.now(timezone.utc)


def signs(value):
    """Whether a secret's key is accepted; the secret may have been replaced since, so a refusal is looked at again."""
    key = json.loads(value)
    sts = boto3.client(
        "sts", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"], aws_session_token=None, config=once
    )
    try:
        return sts.get_caller_identity()["Arn"].endswith("/" + key["UserName"]), key["AccessKeyId"]
    except ClientError as refused:
        return refused.response["Error"]["Code"], key["AccessKeyId"]


def look(user):
    """One look at a user: its keys, their ages as their statuses change, and what AWSCURRENT holds."""
    global signed
    seen = lives.setdefault(user, {})
    keys = {}
    try:
        for page in iam.get_paginator("list_access_keys").paginate(UserName=user):
            for key in page["AccessKeyMetadata"]:
                keys[key["AccessKeyId"]] = key
    except iam.exceptions.NoSuchEntityException:
        return  # an answer from before the user was made
    at = now()
    if len(keys) > 2:
        wrong.append("%s has %d keys" % (user, len(keys)))
    for key_id, key in keys.items():
        life = seen.setdefault(key_id, {"created": key["CreateDate"]})
        age = (at - key["CreateDate"]).total_seconds()
        if key["Status"] == "Inactive" and "deactivated" not in life:
            life["deactivated"] = age
            if age < deactivate_after:
                wrong.append("%s: %s was deactivated at %.1f s" % (user, key_id, age))
    for key_id, life in seen.items():
        if key_id in keys:
            life.pop("missing", None)
        elif "missing" not in life:
            life["missing"] = at  # perhaps an answer from before the key was made
        elif "deleted" not in life and (at - life["missing"]).total_seconds() > 1:
            life["deleted"] = (life["missing"] - life["created"]).total_seconds()
            if life["deleted"] < delete_after:
                wrong.append("%s: %s was deleted at %.1f s" % (user, key_id, life["deleted"]))
            if "deactivated" not in life:
                wrong.append("%s: %s was deleted without having been Inactive" % (user, key_id))
    try:
        value = sm.get_secret_value(SecretId="keyturn/%s/key" % user)["SecretString"]
    except ClientError as refused:
        if refused.response["Error"]["Code"] == "ResourceNotFoundException":
            return  # the user has no key yet
        raise
    accepted, key_id = signs(value)
    signed += 1
    if accepted is not True:
        wrong.append("%s: AWSCURRENT holds %s, and AWS says %s" % (user, key_id, accepted))


began = time.monotonic()
while time.monotonic() - began < seconds:
    users = [
        user["UserName"] for page in iam.get_paginator("list_users").paginate(PathPrefix=path) for user in page["Users"]
    ]
    for user in sorted(plain & set(users)):
        look(user)
ages = {
    what: sorted(life[what] for user in plain for life in lives.get(user, {}).values() if what in life) for what in ("deactivated", "deleted")
}
print(
    json.dumps(
        {
            "users": len(lives),
            "signed": signed,
            "deactivated": ages["deactivated"],
            "deleted": ages["deleted"],
            "cycles": min(sum("deleted" in life for life in lives.get(user, {}).values()) for user in plain),
            "wrong": wrong,
        }
    )
)
