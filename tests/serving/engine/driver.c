/* A driver library for cards that are not there: what NVML answers about them, from the environment. */
#include <stdlib.h>
#include <string.h>

typedef struct { unsigned long long total, free, used; } memory;

static long told(const char *name, long otherwise) {
    const char *value = getenv(name);
    return value ? atol(value) : otherwise;
}

int nvmlInit(void) { return 0; }
int nvmlInit_v2(void) { return 0; }
int nvmlInitWithFlags(unsigned flags) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = told("CARD_COUNT", 1); return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **card) { *card = (void *)(long)(index + 1); return 0; }
int nvmlDeviceGetIndex(void *card, unsigned *index) { *index = (unsigned)(long)card - 1; return 0; }
int nvmlDeviceGetUUID(void *card, char *uuid, unsigned length) { strncpy(uuid, "GPU-0", length); return 0; }

int nvmlDeviceGetName(void *card, char *name, unsigned length) {
    const char *value = getenv("CARD_NAME");
    strncpy(name, value ? value : "NVIDIA H100 80GB HBM3", length);
    return 0;
}

int nvmlDeviceGetCudaComputeCapability(void *card, int *major, int *minor) {
    *major = told("CARD_CAPABILITY", 90) / 10;
    *minor = told("CARD_CAPABILITY", 90) % 10;
    return 0;
}

int nvmlDeviceGetMemoryInfo(void *card, memory *found) {
    found->total = found->free = (unsigned long long)told("CARD_MIB", 81559) << 20;
    found->used = 0;
    return 0;
}
