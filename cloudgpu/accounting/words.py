"""What people read for a meter, a purpose and a source, the same words everywhere."""

from cloudgpu.accounting.charge import Meter, Purpose, Source

METER_NAMES = {
    Meter.GPU: "GPU",
    Meter.DISK: "Disk",
    Meter.DISK_STOPPED: "Disk (stopped)",
    Meter.DOWNLOAD: "Download",
    Meter.UPLOAD: "Upload",
    Meter.FEE: "Fees",
}

PURPOSE_NAMES = {
    Purpose.SERVING: "Serving",
    Purpose.FAILED_TRY: "Tries that failed",
    Purpose.DOUBLE_RUN: "Double run of migrations",
    Purpose.ROLLBACK_WINDOW: "Rollback windows",
}

SOURCE_NAMES = {
    Source.PROVIDER: "the provider's bill",
    Source.METERED: "metered",
    Source.ESTIMATED: "estimated",
}
