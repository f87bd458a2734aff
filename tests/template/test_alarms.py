"""What is watched, and what watching costs."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.template.deployed import functions, only, resources, template

FREE_METRICS = 10  # that CloudWatch watches in every account for nothing
ALARMS = resources("AWS::CloudWatch::Alarm")


def watched(alarm: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The metrics of an alarm, with what becomes of them."""
    if "MetricName" in alarm:
        yield alarm | {"Stat": alarm["Statistic"]}
    for each in alarm.get("Metrics", ()):
        if stat := each.get("MetricStat"):
            yield stat["Metric"] | {"Stat": stat["Stat"]}


def test_errors_throttles_dead_letters_late_workers_and_the_slowest_are_watched() -> None:
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
    """Three of up to 50 metrics each; a search may find a metric of every function."""
    assert len(functions()) + 12 <= 50 or pytest.fail("split the dashboard, or name its price")
