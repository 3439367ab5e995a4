"""Where deliveries are read from; implements `domain.delivery.Delivery`."""
