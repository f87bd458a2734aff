"""What keeps the table and the bucket."""

from typing import Any

from local.template import PATH
from reprise.store.table import Item
from tests.template.deployed import only, template


def resource(name: str) -> dict[str, Any]:
    found: dict[str, Any] = template()["Resources"][name]
    return found


def test_the_table_and_the_bucket_stay_when_the_stack_goes() -> None:
    for name in ("Table", "Bucket"):
        assert resource(name)["DeletionPolicy"] == "Retain"
        assert resource(name)["UpdateReplacePolicy"] == "Retain"


def test_the_table_is_paid_by_request_and_kept_safe() -> None:
    table = only("AWS::DynamoDB::Table")

    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"]["SSEEnabled"] is True
    assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_workers_see_what_was_removed() -> None:
    assert only("AWS::DynamoDB::Table")["StreamSpecification"] == {
        "StreamViewType": "NEW_AND_OLD_IMAGES"
    }


def test_in_production_the_table_cannot_be_deleted() -> None:
    protected = only("AWS::DynamoDB::Table")["DeletionProtectionEnabled"]

    assert protected == {"Fn::If": ["IsProduction", True, False]}
    assert template()["Conditions"]["IsProduction"] == {
        "Fn::Equals": [{"Ref": "StageName"}, "prod"]
    }


def test_indexes_carry_what_lists_show_and_no_more() -> None:
    shown = {"id", "title", "model", "created", "kind", "agent", "end_user"}
    for index in only("AWS::DynamoDB::Table")["GlobalSecondaryIndexes"]:
        projection = index["Projection"]
        keys = {key["AttributeName"] for key in index["KeySchema"]}
        assert projection["ProjectionType"] == "INCLUDE"
        assert sorted(projection["NonKeyAttributes"]) == sorted(shown - keys)


def test_the_code_knows_the_indexes_as_they_are() -> None:
    for index in only("AWS::DynamoDB::Table")["GlobalSecondaryIndexes"]:
        known: Any = getattr(Item, index["IndexName"])
        schema = [key["AttributeName"] for key in index["KeySchema"]]
        assert [known._hash_key_attribute().attr_name, "activity"] == schema
        assert known.Meta.projection.non_key_attributes == index["Projection"]["NonKeyAttributes"]


def test_the_bucket_is_nobody_elses() -> None:
    bucket = only("AWS::S3::Bucket")

    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_pages_may_bring_files_to_it_by_the_forms_that_they_are_offered() -> None:
    (rule,) = only("AWS::S3::Bucket")["CorsConfiguration"]["CorsRules"]

    assert rule["AllowedMethods"] == ["POST"]
    assert rule["AllowedOrigins"] == ["*"]


def test_the_bucket_is_read_over_tls_only() -> None:
    (statement,) = only("AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]

    assert (statement["Effect"], statement["Principal"], statement["Action"]) == (
        "Deny",
        "*",
        "s3:*",
    )
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Resource"] == [
        {"Fn::GetAtt": ["Bucket", "Arn"]},
        {"Fn::Sub": "${Bucket.Arn}/*"},
    ]


def test_uploads_that_nobody_finished_do_not_stay() -> None:
    broken_off, left = only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]

    assert "Prefix" not in broken_off
    assert broken_off["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert (left["Prefix"], left["ExpirationInDays"]) == ("uploads/pending/", 1)
    assert {broken_off["Status"], left["Status"]} == {"Enabled"}


def test_no_rule_removes_what_somebody_said() -> None:
    for rule in only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]:
        expires = "ExpirationInDays" in rule
        assert not expires or not "bodies/".startswith(rule["Prefix"])


def test_names_are_left_to_cloudformation() -> None:
    """A name of one's own hinders replacement, and a second stack in the same account."""
    text = PATH.read_text()

    assert not any(name in text for name in ("TableName: ", "BucketName: ", "FunctionName: "))
