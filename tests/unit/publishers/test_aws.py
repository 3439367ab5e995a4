"""What the answers of AWS mean, from a server on loopback that gives them."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from xml.sax.saxutils import escape

import pytest
from botocore.exceptions import UnauthorizedSSOTokenError

from ingestify.errors import ConfigurationError, MessagesRefused, MissingExtraError, PublishUnavailable
from ingestify.publishers.aws import token, xml_text
from ingestify.publishers.aws_lambda import AwsLambda
from ingestify.publishers.eventbridge import EventBridge
from ingestify.publishers.kinesis import Kinesis
from ingestify.publishers.sns import Sns
from ingestify.publishers.sqs import Sqs
from ingestify.testing.loopback import Asked, Given, LoopbackServer, read_head
from ingestify.testing.publisher_contract import make_messages

TOPIC = "arn:aws:sns:eu-west-1:123456789012:lake"
QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/lake"


@pytest.fixture(autouse=True)
def credentials(monkeypatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


class Aws:
    """Gives the planned answers, one to each request, and the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[Given] = []
        self.asked: list[Asked] = []
        self.server = LoopbackServer(self._answer)

    def _answer(self, asked: Asked) -> Given:
        self.asked.append(asked)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def place(self):
        return {"endpoint_url": self.server.url, "region": "eu-west-1"}

    @property
    def bodies(self):
        return [json.loads(one.body) for one in self.asked]


@pytest.fixture
def aws(monkeypatch):
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    aws = Aws()
    with aws.server:
        yield aws


def fails(code, said="it is said so", status=400, **headers):
    content = {"__type": f"com.amazon#{code}", "message": said, "Message": said}
    return Given(status, json.dumps(content).encode(), {"x-amzn-errortype": code, **headers})


def answers(content):
    return Given(200, json.dumps(content).encode(), {"Content-Type": "application/json"})


def publish(publisher, messages):
    with contextlib.closing(publisher):
        publisher.publish(messages)


# ---- errors of a request -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ProvisionedThroughputExceededException", 400),
        ("ThrottlingException", 400),
        ("KMSThrottlingException", 400),
        ("LimitExceededException", 400),
        ("TooManyRequestsException", 429),
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
        ("AnythingElse", 502),
        ("ExpiredTokenException", 400),
        ("RequestExpired", 400),
    ],
)
def test_it_is_tried_again_later(aws, code, status):
    aws.answers = [fails(code, status=status)]
    with pytest.raises(PublishUnavailable, match=f"lake-events: AWS says {code}"):
        publish(Kinesis("lake-events", **aws.place), make_messages(1))


def test_lambda_says_when(aws):
    aws.answers = [fails("TooManyRequestsException", status=429, **{"Retry-After": "7"})]
    with pytest.raises(PublishUnavailable) as failed:
        publish(AwsLambda("lake", **aws.place), make_messages(1))
    assert failed.value.retry_after == 7


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AccessDeniedException", "these credentials may not: allow kinesis:PutRecords"),
        ("ResourceNotFoundException", "it does not exist in the region eu-west-1"),
        ("UnrecognizedClientException", "the credentials are not valid"),
        ("InvalidSignatureException", "the credentials are not valid, or this machine's clock is wrong"),
        ("KMSDisabledException", "see what AWS says. AWS says KMSDisabledException: it is said so"),
        ("ValidationException", "see what AWS says"),
    ],
)
def test_the_configuration_is_wrong(aws, code, message):
    aws.answers = [fails(code)]
    with pytest.raises(ConfigurationError, match=message) as failed:
        publish(Kinesis("lake-events", **aws.place), make_messages(1))
    assert "the kinesis resource lake-events" in str(failed.value)


@pytest.mark.parametrize(
    ("make", "code", "said"),
    [
        (lambda place: Sqs(QUEUE, **place), "AWS.SimpleQueueService.BatchRequestTooLong", "it is"),
        (lambda place: AwsLambda("lake", batched=True, **place), "RequestTooLargeException", "it is"),
        (
            lambda place: EventBridge(**place),
            "ValidationException",
            "Total size of the entries in the request is over the limit.",
        ),
        (
            lambda place: Kinesis("lake", **place),
            "ValidationException",
            "1 validation error detected: Value at 'records.1.member.data' failed to satisfy constraint",
        ),
        (lambda place: Kinesis("lake", **place), "InvalidArgumentException", "Records size exceeds 5 MB limit"),
    ],
)
def test_a_request_that_is_too_large_is_split_and_a_message_refused(aws, make, code, said):
    aws.answers = [fails(code, said)]
    messages = make_messages(3)
    with pytest.raises(MessagesRefused, match=re.escape(code)) as refused:
        publish(make(aws.place), messages)
    assert refused.value.refused.keys() == {one.id for one in messages}
    assert len(aws.asked) == 4


def test_nobody_is_there():
    with pytest.raises(PublishUnavailable, match="Could not connect"):
        publish(Kinesis("lake", region="eu-west-1", endpoint_url="http://127.0.0.1:9"), make_messages(1))


def test_the_answer_does_not_come(aws):
    aws.answers = [Given(200, b"{}", pause_seconds=5)]
    with pytest.raises(PublishUnavailable, match="Read timeout"):
        publish(Kinesis("lake", timeout=0.2, **aws.place), make_messages(1))


class Breaking:
    """Sends the first bytes of an answer, and closes the connection."""

    def __init__(self, given: Given) -> None:
        head = "".join(f"{name}: {value}\r\n" for name, value in given.headers.items())
        length = f"Content-Length: {len(given.body)}\r\n"
        self.answer = f"HTTP/1.1 {given.status} Status\r\nServer: it\r\n{length}{head}\r\n".encode() + given.body
        self.after = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.place = {"endpoint_url": f"http://127.0.0.1:{self._listener.getsockname()[1]}", "region": "eu-west-1"}
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, connection.makefile("rb") as received:
                    _, headers = read_head(received)
                    received.read(int(headers["content-length"]))
                    connection.sendall(self.answer[: self.after])

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.mark.parametrize("service", ["kinesis", "eventbridge", "sqs", "sns", "lambda"])
def test_an_answer_that_breaks_off_acknowledges_nothing(service, monkeypatch):
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda *_: 0)
    make, given = {
        "kinesis": (lambda place: Kinesis("lake", **place), answers({"Records": [{"SequenceNumber": "1"}]})),
        "eventbridge": (lambda place: EventBridge(**place), answers({"Entries": [{"EventId": "1"}]})),
        "sqs": (lambda place: Sqs(QUEUE, **place), _sqs(successful=("0",))),
        "sns": (lambda place: Sns(TOPIC, **place), _sns(successful=("0",))),
        "lambda": (
            lambda place: AwsLambda("lake", invocation_type="RequestResponse", **place),
            _function_error("ValueError"),
        ),
    }[service]
    server = Breaking(given)
    publisher = make(server.place)
    with contextlib.closing(server), contextlib.closing(publisher):
        for after in range(0, len(server.answer) - 1, 4):
            server.after = after
            with pytest.raises(PublishUnavailable):
                publisher.publish(make_messages(1))
        server.after = len(server.answer)
        with pytest.raises(PublishUnavailable) if service == "lambda" else contextlib.nullcontext():
            publisher.publish(make_messages(1))


@pytest.mark.parametrize("content", [b"", b'{"__type": "ThrottlingExc'])
def test_an_error_that_breaks_off_is_no_wrong_configuration(aws, content):
    aws.answers = [Given(400, content, announced_bytes=200)]
    with pytest.raises(PublishUnavailable):
        publish(Kinesis("lake", **aws.place), make_messages(1))


# ---- results of single messages ------------------------------------------------------------------------


def test_each_record_of_kinesis_has_its_result(aws):
    aws.answers = [
        answers(
            {
                "FailedRecordCount": 1,
                "Records": [
                    {"SequenceNumber": "1", "ShardId": "s"},
                    {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded"},
                    {"SequenceNumber": "2", "ShardId": "s"},
                ],
            }
        )
    ]
    messages = make_messages(3)
    with pytest.raises(PublishUnavailable, match="Rate exceeded") as failed:
        publish(Kinesis("lake", **aws.place), messages)
    assert failed.value.acknowledged == {messages[0].id, messages[2].id}
    (body,) = aws.bodies
    assert [one["PartitionKey"] for one in body["Records"]] == [one.key for one in messages]


def test_each_entry_of_eventbridge_has_its_result_though_the_status_is_200(aws):
    entries = [{"EventId": "1"}, {"ErrorCode": "MalformedDetail", "ErrorMessage": "no JSON"}, {"EventId": "2"}]
    aws.answers = [answers({"FailedEntryCount": 1, "Entries": entries})]
    messages = make_messages(3)
    with pytest.raises(MessagesRefused, match="MalformedDetail: no JSON") as refused:
        publish(EventBridge(**aws.place), messages)
    assert list(refused.value.refused) == [messages[1].id]
    entries[1] = {"ErrorCode": "InternalFailure"}
    aws.answers = [answers({"FailedEntryCount": 1, "Entries": entries})]
    with pytest.raises(PublishUnavailable) as failed:
        publish(EventBridge(**aws.place), messages)
    assert failed.value.acknowledged == {messages[0].id, messages[2].id}
    entries[1] = {}
    aws.answers = [answers({"FailedEntryCount": 0, "Entries": entries})]
    with pytest.raises(PublishUnavailable, match="NoResult"):
        publish(EventBridge(**aws.place), messages)


def test_an_event_of_eventbridge_has_what_rules_look_for(aws):
    aws.answers = [answers({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]})]
    (message,) = make_messages(1)
    publish(EventBridge("club", source="our.lake", **aws.place), [message])
    ((entry,),) = [one["Entries"] for one in aws.bodies]
    assert (entry["EventBusName"], entry["Source"], entry["DetailType"]) == ("club", "our.lake", message.type)
    assert json.loads(entry["Detail"])["data"] == json.loads(message.data)


def _sqs(*failed, successful=()):
    return answers({"Successful": [{"Id": one, "MessageId": one} for one in successful], "Failed": list(failed)})


def _failed(number, code, *, is_senders_fault):
    return {"Id": number, "Code": code, "Message": "it is said so", "SenderFault": is_senders_fault}


def _sns(*failed, successful=()):
    names = {True: "true", False: "false"}
    entries = "".join(
        f"<member><Id>{one['Id']}</Id><Code>{escape(one['Code'])}</Code><Message>{one['Message']}</Message>"
        f"<SenderFault>{names[one['SenderFault']]}</SenderFault></member>"
        for one in failed
    )
    good = "".join(f"<member><Id>{one}</Id><MessageId>{one}</MessageId></member>" for one in successful)
    body = (
        f'<PublishBatchResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishBatchResult>'
        f"<Successful>{good}</Successful><Failed>{entries}</Failed></PublishBatchResult></PublishBatchResponse>"
    )
    return Given(200, body.encode(), {"Content-Type": "text/xml"})


@pytest.mark.parametrize("service", ["sqs", "sns"])
@pytest.mark.parametrize(
    ("code", "is_senders_fault", "error"),
    [
        ("InvalidMessageContents", True, MessagesRefused),
        ("InternalError", False, PublishUnavailable),
        ("AnythingElse", False, PublishUnavailable),
        ("ThrottlingException", True, PublishUnavailable),
        ("KMS.ThrottlingException", True, PublishUnavailable),
        ("AccessDenied", True, ConfigurationError),
        ("KMS.DisabledException", True, ConfigurationError),
    ],
)
def test_each_entry_of_sqs_and_sns_has_its_result(aws, service, code, is_senders_fault, error):
    make, answer = {"sqs": (lambda: Sqs(QUEUE, **aws.place), _sqs), "sns": (lambda: Sns(TOPIC, **aws.place), _sns)}[
        service
    ]
    aws.answers = [answer(_failed("1", code, is_senders_fault=is_senders_fault), successful=("0", "2"))]
    messages = make_messages(3)
    with pytest.raises(error, match=re.escape(code)) as failed:
        publish(make(), messages)
    if error is MessagesRefused:
        assert list(failed.value.refused) == [messages[1].id]
    elif error is PublishUnavailable:
        assert failed.value.acknowledged == {messages[0].id, messages[2].id}


def test_an_entry_without_a_result_is_not_acknowledged(aws):
    aws.answers = [_sqs(successful=("0",))]
    messages = make_messages(2)
    with pytest.raises(PublishUnavailable, match="NoResult") as failed:
        publish(Sqs(QUEUE, **aws.place), messages)
    assert failed.value.acknowledged == {messages[0].id}


def test_a_fifo_gets_group_and_id(aws):
    aws.answers = [_sqs(successful=("0", "1"))]
    messages = make_messages(2)
    publish(Sqs(f"{QUEUE}.fifo", **aws.place), messages)
    publish(Sqs(QUEUE, **aws.place), messages)
    fifo, plain = aws.bodies
    assert [one["MessageGroupId"] for one in fifo["Entries"]] == [one.key for one in messages]
    assert [one["MessageDeduplicationId"] for one in fifo["Entries"]] == [one.id for one in messages]
    assert all(one.keys() == {"Id", "MessageBody"} for one in plain["Entries"])
    assert (Sqs(f"{QUEUE}.fifo").drops_repeats, Sqs(QUEUE).drops_repeats) == (True, False)


@pytest.mark.parametrize("text", ["a" * 129, "a b", "ü", "a\n"])
def test_a_text_that_is_no_token_is_hashed(text):
    assert re.fullmatch("[0-9a-f]{64}", token(text))


def test_a_text_that_is_a_token_stays():
    assert token("0a1b/1/5:!\"#$%&'()*+,-./;<=>?@[\\]^_`{|}~") == "0a1b/1/5:!\"#$%&'()*+,-./;<=>?@[\\]^_`{|}~"


def test_characters_that_xml_does_not_have_are_escaped():
    import dataclasses

    (message,) = make_messages(1)
    strange = dataclasses.replace(message, data=json.dumps({"a": "\ufffe\uffff"}, ensure_ascii=False).encode())
    assert not re.search("[\ufffe\uffff]", xml_text(strange))
    assert json.loads(xml_text(strange))["data"] == {"a": "\ufffe\uffff"}


# ---- sizes ---------------------------------------------------------------------------------------------


def test_a_request_has_no_more_bytes_than_kinesis_takes(aws):
    messages = make_messages(12, datasets=12, size=900_000)
    aws.answers = [answers({"Records": [{"SequenceNumber": "1"}] * count}) for count in (5, 5, 2)]
    publish(Kinesis("lake", **aws.place), messages)
    assert [len(one["Records"]) for one in aws.bodies] == [5, 5, 2]


def test_the_most_bytes_of_a_message_can_be_set(aws):
    messages = make_messages(2, datasets=2, size=400_000)
    aws.answers = [_sqs(successful=("0", "1"))]
    with pytest.raises(MessagesRefused, match=r"it has 40\d,\d+ bytes, and max_message_bytes is 262,144"):
        publish(Sqs(QUEUE, **aws.place), messages)
    assert not aws.asked
    publish(Sqs(QUEUE, max_message_bytes=1 << 20, **aws.place), messages)
    assert len(aws.asked) == 1


# ---- Lambda --------------------------------------------------------------------------------------------


def test_lambda_is_invoked_with_one_event_or_with_a_list(aws):
    aws.answers = [Given(202)]
    messages = make_messages(3)
    publish(AwsLambda("lake", qualifier="live", parallelism=1, **aws.place), messages)
    assert [one["id"] for one in aws.bodies] == [one.id for one in messages]
    assert {one.target for one in aws.asked} == {"/2015-03-31/functions/lake/invocations?Qualifier=live"}
    assert {one.headers["x-amz-invocation-type"] for one in aws.asked} == {"Event"}
    aws.asked = []
    publish(AwsLambda("lake", batched=True, **aws.place), messages)
    assert [[one["id"] for one in some] for some in aws.bodies] == [[one.id for one in messages]]


def test_a_function_that_fails_is_invoked_again_later(aws):
    aws.answers = [_function_error("KeyError")]
    with pytest.raises(PublishUnavailable, match="The function lake failed with KeyError") as failed:
        publish(AwsLambda("lake", invocation_type="RequestResponse", **aws.place), make_messages(1))
    assert "an event" not in str(failed.value)


def test_an_error_of_the_settings_refuses_the_message(aws):
    aws.answers = [_function_error("ValueError"), Given(200, b"null"), _function_error("ValueError")]
    messages = make_messages(2)
    function = AwsLambda(
        "lake", invocation_type="RequestResponse", batched=True, refused_errors=["ValueError"], **aws.place
    )
    with pytest.raises(MessagesRefused) as refused:
        publish(function, messages)
    assert list(refused.value.refused) == [messages[1].id]
    assert [len(one) for one in aws.bodies] == [2, 1, 1]


def _function_error(name):
    body = json.dumps({"errorType": name, "errorMessage": "an event"}).encode()
    return Given(200, body, {"X-Amz-Function-Error": "Unhandled"})


# ---- settings ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Kinesis(""), "stream is empty"),
        (lambda: Kinesis("lake", region=3), "region is a int"),
        (lambda: Kinesis("lake", timeout=-1), "timeout is -1"),
        (lambda: Kinesis("lake", max_message_bytes=11 << 20), "max_message_bytes is 11534336"),
        (lambda: Sqs(None), "queue_url is a NoneType"),
        (lambda: Sqs(QUEUE, parallelism=33), "parallelism is 33"),
        (lambda: Sns("lake"), "topic_arn is 'lake'; write an ARN"),
        (lambda: EventBridge(source="aws.lake"), "names that begin with aws. are Amazon's own"),
        (lambda: EventBridge(profile=" "), "profile is empty"),
        (lambda: AwsLambda("lake", invocation_type="DryRun"), "it must be Event or RequestResponse"),
        (lambda: AwsLambda("lake", batched="yes"), "batched is 'yes'; it must be true or false"),
        (lambda: AwsLambda("lake", refused_errors="ValueError"), "refused_errors is no list"),
        (lambda: AwsLambda("lake", refused_errors=["ValueError"]), "refused_errors needs invocation_type"),
    ],
)
def test_a_wrong_setting_is_named(make, message):
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "No AWS region is known"),
        ({"region": "eu-west-1", "endpoint_url": "lake"}, "endpoint_url is no URL of a server"),
        ({"region": "eu-west-1", "profile": "nobody"}, "no profile that profile"),
    ],
)
def test_what_boto3_does_not_take_is_a_wrong_configuration(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        publish(Kinesis("lake", **arguments), make_messages(1))


def test_without_credentials_the_configuration_is_wrong(aws, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigurationError, match="there are no AWS credentials"):
        publish(Kinesis("lake", **aws.place), make_messages(1))


def test_credentials_that_expired_may_be_renewed(aws, monkeypatch):
    def expired(*_, **__):
        raise UnauthorizedSSOTokenError

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", expired)
    with pytest.raises(PublishUnavailable, match="SSO session associated with this profile has expired"):
        publish(Kinesis("lake", **aws.place), make_messages(1))


def test_the_region_is_that_of_the_resource(monkeypatch):
    for publisher in (
        Sns(TOPIC),
        Sqs(QUEUE),
        Kinesis("arn:aws:kinesis:eu-west-1:123456789012:stream/lake"),
        AwsLambda("arn:aws:lambda:eu-west-1:123456789012:function:lake"),
    ):
        assert publisher.client._open().meta.region_name == "eu-west-1"
        publisher.close()


def test_without_boto3_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    with pytest.raises(MissingExtraError, match="aws-events"):
        publish(Kinesis("lake"), make_messages(1))
