/* The style of report.html. */
#ifndef RETORT_REPORT_STYLE_H
#define RETORT_REPORT_STYLE_H

extern const char report_style[];

#endif
