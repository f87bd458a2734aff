"""The functions, one by one: memory, time, logs, traces, and how workers are woken."""

import json
import re

from reprise.store.keys import PENDING_UPLOADS
from tests.template.deployed import functions, methods, only, parameter, resources, template

# Who waits for a model, and pays for all the while: what follows an answer does, too.
WAITING = {
    "ChatbaseChat",
    "ChatbaseRetry",
    "ConversationsEditMessage",
    "ConversationsRegenerateMessage",
    "ConversationsResumeStream",
    "ConversationsSendMessage",
    "ConversationsStartConversation",
    "ConversationsStreamMessage",
    "FixieRegenerate",
    "FixieSendMessage",
    "FixieStartConversation",
    "OpeyRegenerate",
    "OpeyStream",
    "SessionsStream",
    "PromptsPreviewPrompt",
}
WORKERS = {"WorkersPurgeConversation", "WorkersRepairGeneration"}
READS_PDFS = {"UploadsUpload", "WorkersExtractUpload"}


def test_what_waits_for_a_model_has_half_the_memory_of_what_answers_at_once() -> None:
    memory = {name: function.properties["MemorySize"] for name, function in functions().items()}

    assert {name for name, size in memory.items() if size == 512} == WAITING | {
        "WorkersRepairGeneration",
        "WorkersPurgeConversation",
    }
    assert {name for name, size in memory.items() if size == 3008} == READS_PDFS
    assert set(memory.values()) == {512, 1024, 3008}


def test_all_functions_run_on_the_python_that_the_layers_are_built_for() -> None:
    runtimes = {function.properties["Runtime"] for function in functions().values()}
    layers = [
        layer["CompatibleRuntimes"] for layer in resources("AWS::Lambda::LayerVersion").values()
    ]

    assert runtimes == {"python3.13"}
    assert all(layer == ["python3.13"] for layer in layers)


def test_functions_and_layers_are_of_one_architecture_which_can_be_chosen() -> None:
    chosen = [{"Ref": "Architecture"}]

    assert all(each.properties["Architectures"] == chosen for each in functions().values())
    for layer in resources("AWS::Lambda::LayerVersion").values():
        assert layer["CompatibleArchitectures"] == chosen
    assert template()["Parameters"]["Architecture"]["AllowedValues"] == ["arm64", "x86_64"]


def test_all_functions_are_traced_and_log_json_to_a_group_that_forgets() -> None:
    for function in functions().values():
        assert function.properties["TracingConfig"] == {"Mode": "Active"}
        assert function.properties["LoggingConfig"] == {
            "LogFormat": "JSON",
            "LogGroup": {"Ref": "FunctionLogs"},
        }
    for group in resources("AWS::Logs::LogGroup").values():
        assert parameter(group["RetentionInDays"]) == 30
    assert only("AWS::ApiGateway::Stage")["TracingEnabled"] is True


def test_no_function_is_told_a_secret() -> None:
    """Only where one lies: what is in the environment can be read by whoever may describe it."""
    for function in functions().values():
        for name, value in function.environment.items():
            assert name != "OPENROUTER_API_KEY"
            assert isinstance(value, str) or list(value) == ["Ref"], name


def test_no_role_has_more_managed_policies_than_one_may_have() -> None:
    for name, role in resources("AWS::IAM::Role").items():
        assert len(role["ManagedPolicyArns"]) <= 10, name


def test_every_function_is_woken_by_something() -> None:
    mappings = resources("AWS::Lambda::EventSourceMapping").values()
    woken = {each["FunctionName"]["Ref"] for each in mappings}

    assert woken == WORKERS
    (rule,) = resources("AWS::Events::Rule").values()
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["WorkersExtractUpload", "Arn"]}
    woken.add("WorkersExtractUpload")
    assert woken | {method.function for method in methods()} == functions().keys()


def test_workers_try_again_and_give_up_into_the_dead_letter_queue() -> None:
    for mapping in resources("AWS::Lambda::EventSourceMapping").values():
        assert mapping["MaximumRetryAttempts"] == 5
        assert mapping["BisectBatchOnFunctionError"] is True
        assert mapping["StartingPosition"] == "TRIM_HORIZON"
        assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {
            "Fn::GetAtt": ["WorkersDeadLetters", "Arn"]
        }
    queue = only("AWS::SQS::Queue")
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert queue["SqsManagedSseEnabled"] is True


def test_workers_are_woken_by_what_is_theirs_only() -> None:
    mappings = resources("AWS::Lambda::EventSourceMapping").values()
    filters = {
        each["FunctionName"]["Ref"]: [
            json.loads(pattern["Pattern"]) for pattern in each["FilterCriteria"]["Filters"]
        ]
        for each in mappings
    }

    assert filters == {
        "WorkersPurgeConversation": [
            {"eventName": ["REMOVE"], "dynamodb": {"Keys": {"sk": {"S": ["META"]}}}}
        ],
        "WorkersRepairGeneration": [
            {
                "eventName": ["REMOVE"],
                "userIdentity": {"type": ["Service"], "principalId": ["dynamodb.amazonaws.com"]},
                "dynamodb": {"Keys": {"sk": {"S": ["META#LEASE"]}}},
            }
        ],
    }


def test_the_bucket_tells_of_what_clients_put_there() -> None:
    (rule,) = resources("AWS::Events::Rule").values()
    told = only("AWS::S3::Bucket")["NotificationConfiguration"]["EventBridgeConfiguration"]

    assert told == {"EventBridgeEnabled": True}
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [{"Ref": "Bucket"}]},
            "object": {"key": [{"prefix": PENDING_UPLOADS}]},
        },
    }


def test_a_file_is_read_three_times_before_it_is_given_up() -> None:
    (config,) = resources("AWS::Lambda::EventInvokeConfig").values()

    assert config["FunctionName"] == {"Ref": "WorkersExtractUpload"}
    assert config["MaximumRetryAttempts"] == 2
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == {
        "Fn::GetAtt": ["WorkersDeadLetters", "Arn"]
    }


def test_parameters_say_what_they_are_and_what_they_may_be() -> None:
    for name, of in template()["Parameters"].items():
        assert of["Description"].endswith("."), name
        assert "Default" in of, name
        bounds = {"AllowedPattern", "AllowedValues", "MinValue"}
        assert bounds & of.keys(), name
        if pattern := of.get("AllowedPattern"):
            assert re.fullmatch(pattern, of["Default"]), name
            assert of["ConstraintDescription"], name


def test_outputs_say_what_they_are() -> None:
    outputs = template()["Outputs"]

    assert {"Url", "TableName", "BucketName"} <= outputs.keys()
    assert all(output["Description"] for output in outputs.values())
