"""From whatever the user has to a module with one public function."""
