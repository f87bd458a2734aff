"""Every function may do what it does, and nothing else."""

import itertools

import pytest

from reprise.knowledge import knowledge_bases
from reprise.llm.secrets import StoredKey
from tests.accounts.issuers import FakeIssuer
from tests.api import aws_client
from tests.calls import Call, intercept
from tests.template import scenarios
from tests.template.deployed import functions, resources
from tests.template.permissions import (
    Access,
    Grant,
    actions_of,
    grants_of,
    like,
    statements_of,
)
from tests.template.scenarios import Done

pytestmark = pytest.mark.xdist_group("permissions")  # so that the walk is made once

FUNCTIONS = sorted(functions())
READERS = [
    "ConversationsGetConversation",
    "ConversationsGetMessage",
    "ConversationsListConversations",
    "ConversationsListMessages",
    "ConversationsListVersions",
    "ConversationsResumeStream",
    "PromptsGetPrompt",
    "PromptsListPrompts",
    "SessionsGetHistory",
    "UploadsGetUpload",
]
WRITES = {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "s3:PutObject"}
ASKING = {
    "ssm:GetParameter",
    "secretsmanager:GetSecretValue",
    "bedrock:InvokeModelWithResponseStream",
}


@pytest.fixture(scope="module")
def done(shared_aws: None, shared_issuer: FakeIssuer) -> Done:
    """What all functions did, in all that can happen to them."""
    numbers = itertools.count()
    return scenarios.walk(lambda: shared_issuer.token_now(sub=f"somebody-{next(numbers)}"))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_missing(done: Done, function: str) -> None:
    grants = grants_of(function)

    refused = [
        access for access in done.get(function, ()) if not any(g.covers(access) for g in grants)
    ]

    assert sorted(refused) == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_unused(done: Done, function: str) -> None:
    unused = {
        grant
        for grant in grants_of(function)
        if not any(grant.covers(access) for access in done.get(function, ()))
    }

    assert sorted(unused) == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nobody_scans_nor_may_do_anything_at_all(function: str) -> None:
    for statement in statements_of(function):
        assert statement["Effect"] == "Allow"
        assert statement["Resource"] != "*"
    for action in actions_of(function):
        assert "*" not in action
        assert action not in ("dynamodb:Scan", "dynamodb:PartiQLSelect", "dynamodb:DeleteTable")


@pytest.mark.parametrize("function", READERS)
def test_a_reader_writes_down_who_called_and_nothing_else(function: str) -> None:
    assert {grant for grant in grants_of(function) if grant.action in WRITES} == {
        Grant("dynamodb:UpdateItem", "table", "KEY#*"),
        Grant("dynamodb:PutItem", "table", "SUB#*"),
        Grant("dynamodb:PutItem", "table", "NAME#oidc:*"),
        Grant("dynamodb:PutItem", "table", "USER#????????????????"),
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nobody_can_give_themselves_a_key(function: str) -> None:
    keys = Access("dynamodb:PutItem", "table", f"KEY#{'0' * 64}")
    named = Access("dynamodb:PutItem", "table", "NAME#operator")

    for access in (keys, named):
        assert not any(grant.covers(access) for grant in grants_of(function))


def test_only_those_ask_models_that_have_to() -> None:
    asking = {name for name in FUNCTIONS if actions_of(name) & ASKING}

    assert asking == {
        "ChatbaseChat",
        "ChatbaseRetry",
        "ConversationsEditMessage",
        "ConversationsRegenerateMessage",
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
    assert all(actions_of(name) >= ASKING for name in asking)


def test_only_those_search_documents_that_ask_for_agents() -> None:
    consulting = {name for name in FUNCTIONS if "bedrock:Retrieve" in actions_of(name)}

    assert consulting == {
        "ChatbaseChat",
        "ChatbaseRetry",
        "FixieRegenerate",
        "FixieSendMessage",
        "FixieStartConversation",
        "OpeyRegenerate",
        "OpeyStream",
    }


def test_knowledge_bases_are_searched_by_the_action_that_is_allowed_and_only_ours(
    shared_aws: None,
) -> None:
    operations: list[str] = []

    def handle(call: Call) -> object:
        operations.append(call.operation)
        return {"retrievalResults": []}

    with intercept(handle):
        knowledge_bases.search("ABCDE12345", "tea", 5)

    policy = resources("AWS::IAM::ManagedPolicy")["ConsultCorpora"]["PolicyDocument"]
    (where,) = (
        statement["Resource"]["Fn::Sub"]
        for statement in policy["Statement"]
        if statement["Action"] == f"bedrock:{operations[0]}"
    )
    assert operations == ["Retrieve"]
    assert where == "arn:${AWS::Partition}:bedrock:*:${AWS::AccountId}:knowledge-base/*"


def test_documents_are_read_and_never_written() -> None:
    document = "corpora/0a9b0a5b-abd4-8815-be96-fdacae4412ce/index"

    for function in FUNCTIONS:
        for action in ("s3:PutObject", "s3:DeleteObject"):
            access = Access(action, "bucket", document)
            assert not any(grant.covers(access) for grant in grants_of(function))


async def test_the_stored_key_is_read_by_the_actions_that_are_allowed(aws: None) -> None:

    aws_client("ssm").put_parameter(Name="/reprise/key", Value="sk-1", Type="SecureString")
    aws_client("secretsmanager").create_secret(Name="reprise/key", SecretString="sk-2")
    operations: list[str] = []

    def handle(call: Call) -> object:
        operations.append(call.operation)
        return call.proceed()

    with intercept(handle):
        keys = [
            await StoredKey("ssm", "/reprise/key").current(),
            await StoredKey("secretsmanager", "reprise/key").current(),
        ]

    assert keys == ["sk-1", "sk-2"]
    assert operations == ["GetParameter", "GetSecretValue"]


def test_models_are_asked_with_the_one_stored_key() -> None:
    statements = resources("AWS::IAM::ManagedPolicy")["AskModels"]["PolicyDocument"]["Statement"]
    where = {statement["Action"]: statement["Resource"] for statement in statements}

    assert where.keys() == ASKING
    assert where["ssm:GetParameter"]["Fn::Sub"].endswith(":parameter${OpenRouterKeyParameter}")
    # Secrets Manager ends an ARN with six characters of its own
    assert where["secretsmanager:GetSecretValue"]["Fn::Sub"].endswith(
        ":secret:${OpenRouterKeySecret}-??????"
    )


def test_a_failed_worker_reaches_the_dead_letter_queue() -> None:
    for worker in (name for name in FUNCTIONS if name.startswith("Workers")):
        assert actions_of(worker) >= {"sqs:SendMessage"}


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("KEY#*", "KEY#abc", True),
        ("USER#????????????????", "USER#0000000000000007", True),
        ("USER#????????????????", "USER#0000000000000007#CONV#0000000000000001", False),
        ("USER#*#CONV#*", "USER#0000000000000007#CONV#0000000000000001", True),
        ("USER#*#CONV#*", "USER#0000000000000007", False),
        ("a.c", "abc", False),
    ],
)
def test_patterns_match_as_iam_has_it(pattern: str, text: str, expected: bool) -> None:
    assert like(pattern, text) is expected
