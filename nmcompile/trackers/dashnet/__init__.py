"""DashNet's tracker: frames and events, a temporal complementary filter, an attention mask."""
