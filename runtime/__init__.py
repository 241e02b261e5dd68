"""What both services stand on: settings, logs, the connection to RabbitMQ, and HTTP."""
