"""Rules of subscriptions: which messages of a topic a subscription gets, and what they change."""
