"""What is watched, and what watching costs."""

import json
import re
from collections.abc import Iterator
from inspect import getsource
from typing import Any, get_args

import pytest

from reprise.chat.messages import FinishReason
from reprise.engine import metrics
from tests.template.deployed import functions, only, resources, source, template

FREE_METRICS = 10  # that CloudWatch watches in every account for nothing
SERVICE = source()["Globals"]["Function"]["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]
ALARMS = resources("AWS::CloudWatch::Alarm")


def watched(alarm: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The metrics of an alarm, with what becomes of them."""
    if "MetricName" in alarm:
        yield alarm | {"Stat": alarm["Statistic"]}
    for each in alarm.get("Metrics", ()):
        if stat := each.get("MetricStat"):
            yield stat["Metric"] | {"Stat": stat["Stat"]}


def test_errors_throttles_dead_letters_late_workers_credits_and_the_slowest_are_watched() -> None:
    seen = {
        (metric["Namespace"], metric["MetricName"], metric["Stat"])
        for alarm in ALARMS.values()
        for metric in watched(alarm)
    }

    assert seen == {
        ("AWS/ApiGateway", "5XXError", "Sum"),
        ("AWS/Lambda", "Throttles", "Sum"),
        ("AWS/DynamoDB", "ReadThrottleEvents", "Sum"),
        ("AWS/DynamoDB", "WriteThrottleEvents", "Sum"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
        ("AWS/Lambda", "IteratorAge", "Maximum"),
        ("AWS/Lambda", "Duration", "p99"),
        (metrics.NAMESPACE, "CreditFailures", "Sum"),
    }


def test_watching_costs_nothing_while_nobody_talks() -> None:
    assert sum(len(list(watched(alarm))) for alarm in ALARMS.values()) <= FREE_METRICS


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_tells_somebody_why_and_when_it_is_over(name: str) -> None:
    alarm = ALARMS[name]

    assert alarm["AlarmDescription"].strip().endswith(".")
    assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "Alarms"}]
    assert alarm["TreatMissingData"] == "notBreaching"  # nobody talks


def test_the_apis_alarm_looks_at_our_own_stage() -> None:
    dimensions = {each["Name"]: each["Value"] for each in ALARMS["ServerErrors"]["Dimensions"]}

    assert dimensions["ApiName"] == only("AWS::ApiGateway::RestApi")["Name"]
    assert dimensions["Stage"] == {"Ref": "StageName"}


def test_one_answer_that_is_not_settled_tells_somebody() -> None:
    alarm = ALARMS["CreditFailures"]

    assert alarm["Dimensions"] == [{"Name": "service", "Value": SERVICE}]
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (1, 1)
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_mail_is_sent_where_an_address_is_given() -> None:
    subscription = template()["Resources"]["AlarmSubscription"]

    assert subscription["Condition"] == "TellsSomebody"
    assert subscription["Properties"]["Protocol"] == "email"
    assert subscription["Properties"]["Endpoint"] == {"Ref": "AlarmEmail"}


def test_the_dashboard_shows_what_there_is() -> None:
    text = only("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Sub"]
    referred = set(re.findall(r"\$\{([\w:]+)", text))

    assert json.loads(text)["widgets"]
    known = functions().keys() | template()["Resources"].keys() | template()["Parameters"].keys()
    assert {name for name in referred if not name.startswith("AWS::")} <= known


def test_the_dashboard_is_among_those_that_are_free() -> None:
    """Three of up to 50 metrics each."""
    assert len(list(shown())) <= 50 or pytest.fail("split the dashboard, or name its price")


def test_the_dashboard_shows_what_the_functions_count() -> None:
    ours = [metric for metric in shown() if metric[0] == metrics.NAMESPACE]
    by = {
        "Generations": {("reason", reason) for reason in get_args(FinishReason)},
        "Refusals": {("cause", cause) for cause in metrics.CAUSES.values()},
    }

    names = {name for _, name, *_ in ours}
    assert names == set(re.findall(r'(?:add_metric|_count)\("(\w+)"', getsource(metrics)))
    for name in names:
        told = {tuple(rest) for _, each, *rest in ours if each == name}
        assert told == {("service", SERVICE, *more) for more in by.get(name, {()})}


def shown() -> Iterator[list[str]]:
    """The metrics of the dashboard: namespace, name, and dimensions by turns; as many times as a
    search may find some, its own.
    """
    for widget in json.loads(only("AWS::CloudWatch::Dashboard")["DashboardBody"]["Fn::Sub"])[
        "widgets"
    ]:
        before: list[str] = []
        for *texts, last in widget["properties"].get("metrics", ()):
            if not texts and isinstance(last, dict):
                (most,) = re.findall(r", 0, (\d+)\)$", last["expression"])
                yield from [["search", last["expression"]]] * int(most)
                continue
            texts += [last] if isinstance(last, str) else []
            before = [before[n] if text == "." else text for n, text in enumerate(texts)]
            yield before
