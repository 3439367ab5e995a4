"""Publishers: each speaks the protocol of one system, and knows nothing of the event log.

- `registry`: from `type:` of the config file to a class.
- `template`: topics such as `football.{provider}`, filled with the fields of a message.
- `arguments`: checks of settings.
- `delivery`: a call that takes several requests.
- `post`: requests to one URL.
- `tls`: settings of TLS.
- `json_lines`: a file, or stdout.
- `kafka`: a topic of Kafka.
- `mqtt`: MQTT 5.
- `nats`: NATS JetStream.
- `rabbitmq`: an exchange or a queue of RabbitMQ.
- `redis`: Redis Streams.
- `aws`: what those of AWS share; `aws_entries`: the entries of SQS and SNS.
- `kinesis`, `sns`, `sqs`, `eventbridge`, `aws_lambda`: one service each.
- `pubsub`: Google Cloud Pub/Sub.
- `webhook`: a POST with a signature.
"""
