// Opened from a folder, a page may not read its neighbours: results then come without an excerpt.
"use strict";
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
