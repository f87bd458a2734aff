"""`make dev`: API Gateway, Lambda, DynamoDB and S3 on this machine, as `template.yaml` has them."""
