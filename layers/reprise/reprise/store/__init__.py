"""DynamoDB and S3: the one table, what lies in it, and how it is read and written. Synchronous."""
