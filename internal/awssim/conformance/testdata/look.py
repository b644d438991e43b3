"""What a user's own boto3 script sees: prints one JSON object. Arguments: user name, secret name."""

import json
import sys

import boto3
from botocore.exceptions import ClientError

user, secret = sys.argv[1:]
iam, sm, sts = (boto3.client(name) for name in ("iam", "secretsmanager", "sts"))


def code_of(call, **arguments):
    """The code and status of a refusal, or None when AWS grants the call."""
    try:
        call(**arguments)
    except ClientError as refused:
        answer = refused.response
        return "%s %d" % (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"])
    return None


keys = [
    [key["AccessKeyId"], key["Status"]]
    for page in iam.get_paginator("list_access_keys").paginate(UserName=user, PaginationConfig={"PageSize": 1})
    for key in page["AccessKeyMetadata"]
]
described = sm.describe_secret(SecretId=secret)
print(
    json.dumps(
        {
            "arn": sts.get_caller_identity()["Arn"],
            "keys": sorted(keys),
            "value": sm.get_secret_value(SecretId=secret)["SecretString"],
            "pending": sm.get_secret_value(SecretId=secret, VersionStage="AWSPENDING")["SecretString"],
            "stages": {version: sorted(stages) for version, stages in described["VersionIdsToStages"].items()},
            "tags": {tag["Key"]: tag["Value"] for tag in described["Tags"]},
            "third_key": code_of(iam.create_access_key, UserName=user),
            "no_user": code_of(iam.list_access_keys, UserName=user + "-nobody"),
            "no_secret": code_of(sm.get_secret_value, SecretId=secret + "-nothing"),
            "blind_promote": code_of(
                sm.update_secret_version_stage,
                SecretId=secret,
                VersionStage="AWSCURRENT",
                MoveToVersionId=[v for v, s in described["VersionIdsToStages"].items() if "AWSPENDING" in s][0],
            ),
        }
    )
)
