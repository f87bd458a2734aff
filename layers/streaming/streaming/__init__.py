"""The response-streaming runtime: an ASGI app behind API Gateway, its bytes sent as they come."""
