"""What training would see of footage: read once, judged in plain words, shown as table and page."""
