"""Dates, times and numbers are written alike in every language, so that two printouts agree.

Numbers are grouped where a template asks for it (``intcomma``, ``floatformat:"g"``), never by
themselves: a year, a port or an identifier has no thousands.
"""

DATE_FORMAT = SHORT_DATE_FORMAT = "Y-m-d"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "Y-m-d H:i"
TIME_FORMAT = "H:i"
DECIMAL_SEPARATOR, THOUSAND_SEPARATOR, NUMBER_GROUPING = ".", ",", 3
