"""What placing makes of the table's programs, machine by machine: `measure` a cell, `page` writes them down."""
