"""The columns, in the order of the file: FOCUS 1.2, the two names of 1.3, ours (`x_`) last.

Numbers carry at least one decimal place: a reader that guesses types takes `1` for a whole number.
"""

MANDATORY = (
    "BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd",
    "BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargePeriodEnd",
    "ChargePeriodStart", "ContractedCost", "EffectiveCost", "InvoiceIssuerName", "ListCost", "PricingQuantity",
    "PricingUnit", "ProviderName", "PublisherName", "ServiceCategory", "ServiceName",
)  # fmt: skip
"""What version 1.2 asks of every file."""

CONDITIONAL = (
    "ChargeFrequency", "CommitmentDiscountStatus", "ConsumedQuantity", "ConsumedUnit", "ContractedUnitPrice",
    "InvoiceId", "ListUnitPrice", "PricingCategory", "RegionId", "RegionName", "ResourceId", "ResourceName",
    "ResourceType", "ServiceSubcategory", "SkuId", "SkuMeter", "SkuPriceDetails", "SkuPriceId", "Tags",
)  # fmt: skip

LATER = ("ServiceProviderName", "HostProviderName")
"""New in 1.3, where they replace ProviderName and PublisherName; readers of 1.2 pass over them."""

OURS = ("x_Deployment", "x_DiskSplitSource", "x_Migration", "x_Model", "x_OfferId", "x_PlanId", "x_Purpose", "x_Source")

COLUMNS = MANDATORY + CONDITIONAL + LATER + OURS

DECIMALS = (
    "BilledCost", "ContractedCost", "ContractedUnitPrice", "ConsumedQuantity", "EffectiveCost", "ListCost",
    "ListUnitPrice", "PricingQuantity",
)  # fmt: skip
TIMES = ("BillingPeriodEnd", "BillingPeriodStart", "ChargePeriodEnd", "ChargePeriodStart")
