"""E-mails as files: `.eml`, mboxes and folders come in, messages of conversations leave."""
