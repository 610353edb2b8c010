package com.acme;

import org.apache.commons.cli.Options;

public final class Summing {
    private Summing() {}

    public static String text() {
        return "summed " + new Options().addOption("x", "an option").getOptions().size() + " option";
    }
}
